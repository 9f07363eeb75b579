/* SPDX-License-Identifier: MIT */
/*
 * Who a local client is, on Windows, as small numbers that stand in gl_peer where Linux has uid and
 * gid, so that what is above needs to know no SIDs:
 *
 *     uid   a user's SID, and whether the token was a superuser's: somebody who is an administrator
 *           and not elevated (UAC) is another uid than the same one elevated
 *     gid   the set of groups that were enabled in the token
 *
 * Numbers hold while the process runs and mean nothing outside of it; what is kept or shown is the
 * name or the SID. All of this may be called from any thread. What asks the system for names
 * blocks, perhaps for long where accounts are on a network (LookupAccountSidW and
 * LookupAccountNameW, learn.microsoft.com), so it is not for the loop's thread; it is marked.
 */
#ifndef GL_WINDOWS_PRINCIPAL_H
#define GL_WINDOWS_PRINCIPAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <windows.h>

#define GL_PRINCIPAL_SYSTEM    0u /* the uid of LocalSystem, as root's is 0 on Linux */
#define GL_PRINCIPAL_NO_GROUPS 0u /* the gid of a token without any enabled group */
/* Room for any SID as text, "S-1-5-..."; SECURITY_MAX_SID_STRING_CHARACTERS in winnt.h. */
#define GL_PRINCIPAL_SID_SIZE 188u

/*
 * The numbers for a token that was opened with TOKEN_QUERY. UV_ENOMEM: there are more users than
 * can be told apart here (65536). Other UV_E*: what GetTokenInformation said.
 */
int gl_principal_of_token(HANDLE token, uint32_t *ret_uid, uint32_t *ret_gid);
/* Of this process. */
uint32_t gl_principal_self(void);

/*
 * Whether the token was LocalSystem's, or one in which the Administrators group was enabled, which
 * with UAC it is only when elevated. False for a number that was given to nobody, and for one from
 * gl_principal_by_name(), as a name says nothing about a token.
 */
bool gl_principal_is_superuser(uint32_t uid);
/* "S-1-5-...". UV_ENOENT: this number was given to nobody. */
int gl_principal_sid(uint32_t uid, char out[GL_PRINCIPAL_SID_SIZE]);

/*
 * Blocks. "DOMAIN\user", as UTF-8, raw: cut nowhere, not escaped. The SID where the system knows no
 * name. For gl_free(); never NULL.
 */
char *gl_principal_name(uint32_t uid);
/*
 * Blocks. The names of the enabled groups as "DOMAIN\group" ("BUILTIN\Administrators"), or SIDs;
 * at most `max`, the rest is left out. Each and the array are for gl_free(). Returns how many. None
 * for a gid that has been forgotten: the last 4096 different sets are kept.
 */
size_t gl_principal_groups(uint32_t gid, size_t max, char ***ret_names);

/*
 * Blocks. All that a rule may call the user, and the groups of a set: DOMAIN\name, the SID, and the
 * name alone if it is this computer's or the system's own (BUILTIN, NT AUTHORITY, Everyone): in a
 * domain somebody else may have that name. Results as above; `max` groups, each with up to
 * three names.
 */
size_t gl_principal_aliases(uint32_t uid, char ***ret_names);
size_t gl_principal_group_aliases(uint32_t gid, size_t max, char ***ret_names);

/*
 * Blocks. The number of a user, and of the set of this one group, by "DOMAIN\name", "name" or a SID
 * as text. UV_ENOENT: there is none of that name, or it is a group's, or a user's. A gid that was
 * got here is never forgotten; it serves as gl_listen_options.gid.
 */
int gl_principal_by_name(const char *name, uint32_t *ret_uid);
int gl_principal_group_by_name(const char *name, uint32_t *ret_gid);
/* The SID of a gid from gl_principal_group_by_name(), as text. UV_ENOENT: it is another's. */
int gl_principal_group_sid(uint32_t gid, char out[GL_PRINCIPAL_SID_SIZE]);

#endif
