/* SPDX-License-Identifier: MIT */
/*
 * Whom a program runs as. All of this blocks: accounts may be on a network, and a profile is loaded
 * from the disk.
 */
#ifndef GL_AGENT_WINDOWS_EXEC_ACCOUNT_H
#define GL_AGENT_WINDOWS_EXEC_ACCOUNT_H

#include <stdbool.h>
#include <windows.h>

#include "windows/exec-text.h"

struct gl_exec_account {
    char *name;         /* "SYSTEM", "alice" of this machine, "CORP\alice" */
    bool own;           /* the agent's own, with the agent's token */
    bool desktop;       /* of a session: the program belongs onto its desktop */
    HANDLE token;       /* primary, or our own */
    HANDLE profile;     /* loaded for it; NULL: none */
    wchar_t *variables; /* environment block as after a logon; NULL: none. */
};

/*
 * What the user is called, without any logon: to be judged before one is tried. As asked for if
 * nobody has that name, who is told no more than with a wrong password. For gl_free().
 */
char *gl_exec_account_identify(const char *user);

/*
 * user: NULL, or "name", "DOMAIN\name", "name@domain.example"; session: NULL, "console", or a
 * number. Of a session it is whoever is logged on there, who must be `user` if that is given.
 * Neither: who we are.
 *
 * Somebody else needs LocalSystem with SeTcbPrivilege, as there is no password: for accounts of
 * this machine MSV1_0_S4U_LOGON, for those of a domain KERB_S4U_LOGON (learn.microsoft.com). Such
 * a logon has no credentials: shares of other machines that want one are out of reach, and so are
 * files that are encrypted for the user.
 *
 * With a password (of `user`, without session) LogonUserW() is asked, interactively, or as a batch
 * job where the account may not do that, and credentials there are. Who is unknown and whose
 * password is wrong are told the same, and after five failures in a minute the user has to wait.
 *
 * 0, or -1 and *failure: NOT_FOUND (account, session), DENIED, PRECONDITION, UNAVAILABLE, ...
 */
int gl_exec_account_find(const char *user, const char *password, const char *session,
                         struct gl_exec_account *ret_account, struct gl_exec_failure *failure);
/* Unloads the profile, too. Fine for one that is all zeros. */
void gl_exec_account_done(struct gl_exec_account *account);

/* ---- parts, for the tests */

/*
 * What LoadUserProfileW() and UnloadUserProfile() ask of their caller, SE_BACKUP_NAME and
 * SE_RESTORE_NAME ("LoadUserProfileW function", learn.microsoft.com): enabled for this thread and
 * this call. Returns what it does, or the error of becoming that.
 */
DWORD gl_exec_call_privileged(DWORD (*call)(void *ctx), void *ctx);

/* "console" or a number in decimal that is one of a session. */
bool gl_exec_session_parse(const char *text, DWORD console, DWORD *ret_session);
/* What an account is called here: without the domain if that is this machine's, or Windows' own. */
char *gl_exec_account_name(const char *domain, const char *name, const char *computer,
                           bool well_known);

/*
 * Against guessing: false if so many attempts of this user, in whatever case, have failed within a
 * minute. One that was let go on counts as failed until it is taken back. Any thread. now_ms: of a
 * clock that never goes back.
 */
#define GL_EXEC_GUESSES_MAX 5u
#define GL_EXEC_GUESSES_MS  60000u
bool gl_exec_guess_take(const char *user, uint64_t now_ms);
void gl_exec_guess_was_right(const char *user);
/* What a failed logon with a password is called. For gl_free(). */
char *gl_exec_logon_failure(DWORD error);

/* The user part and the domain part of what LsaLogonUser() is given. */
enum gl_exec_logon { GL_EXEC_LOGON_LOCAL, GL_EXEC_LOGON_DOMAIN };
enum gl_exec_logon gl_exec_logon_kind(const char *domain, const char *computer);
/*
 * The message for LsaLogonUser(): a struct and its texts behind it, in one piece, *ret_size bytes.
 * For gl_free(). NULL: a text is too long for it.
 */
void *gl_exec_logon_message(enum gl_exec_logon kind, const wchar_t *user, const wchar_t *domain,
                            ULONG *ret_size);

#endif
