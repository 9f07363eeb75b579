/* SPDX-License-Identifier: MIT */
/*
 * A PAM session around the program, as login(1) and su(1) make one. The helper opens it, stays as
 * the program's parent, and closes it. There is no authentication: who may do this was proven by
 * the host and judged by the policy.
 */
#include "exec-job.h"

#ifdef HAVE_PAM

#include <dlfcn.h>
#include <security/pam_appl.h>
#include <stdlib.h>
#include <unistd.h>

#include "mem.h"

#define SERVICE      "guestlink"
#define SERVICE_FILE "/etc/pam.d/guestlink"

/*
 * libpam and what it brings along is loaded only here, in a helper that opens a session: linked, it
 * would be loaded by every helper and stay in the agent's memory.
 */
#define LIBRARY "libpam.so.0"

#define PAM_FUNCTIONS(X)                                                                           \
    X(pam_start)                                                                                   \
    X(pam_end)                                                                                     \
    X(pam_set_item)                                                                                \
    X(pam_acct_mgmt)                                                                               \
    X(pam_setcred)                                                                                 \
    X(pam_open_session)                                                                            \
    X(pam_close_session)                                                                           \
    X(pam_getenvlist)                                                                              \
    X(pam_strerror)

static struct {
#define MEMBER(name) __typeof__(&name) name;
    PAM_FUNCTIONS(MEMBER)
#undef MEMBER
} pam;

static pam_handle_t *handle;
static bool has_credentials, has_session;

/* NULL, or what is wrong; valid for the moment. */
static const char *load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_GLOBAL);
    if (!library)
        return dlerror();
        /* dlsym(3) says how to take a function from it, and why it looks so. */
#define TAKE(name)                                                                                 \
    *(void **)&pam.name = dlsym(library, #name);                                                   \
    if (!pam.name)                                                                                 \
        return dlerror();
    PAM_FUNCTIONS(TAKE)
#undef TAKE
    return NULL;
}

/* Nobody is there to be asked. Texts (motd and the like) are dropped. */
static int converse(int count, const struct pam_message **messages,
                    struct pam_response **ret_answers, void *ctx)
{
    (void)ctx;
    if (count <= 0 || count > PAM_MAX_NUM_MSG)
        return PAM_CONV_ERR;
    for (int i = 0; i < count; i++) {
        if (messages[i]->msg_style != PAM_TEXT_INFO && messages[i]->msg_style != PAM_ERROR_MSG)
            return PAM_CONV_ERR;
    }
    /* PAM frees it with free(3). */
    *ret_answers = gl_alloc_array((size_t)count, sizeof(**ret_answers));
    return PAM_SUCCESS;
}

static int open_session(const struct gl_exec_job *job, const char *tty)
{
    static const struct pam_conv conversation = {converse, NULL};
    int result = pam.pam_start(SERVICE, job->account.name, &conversation, &handle);
    if (result != PAM_SUCCESS)
        return result;
    result = pam.pam_set_item(handle, PAM_TTY, tty ? tty : SERVICE);
    if (result != PAM_SUCCESS)
        return result;
    /* A password that must be changed matters to who logs in with one. */
    result = pam.pam_acct_mgmt(handle, PAM_SILENT);
    if (result != PAM_SUCCESS && result != PAM_NEW_AUTHTOK_REQD)
        return result;
    result = pam.pam_setcred(handle, PAM_ESTABLISH_CRED | PAM_SILENT);
    if (result != PAM_SUCCESS)
        return result;
    has_credentials = true;
    result = pam.pam_open_session(handle, PAM_SILENT);
    has_session = result == PAM_SUCCESS;
    return result;
}

int gl_exec_pam_open(const struct gl_exec_job *job, const char *tty, char ***ret_env)
{
    bool asked = *job->user || job->request->login_shell;
    if (!asked || geteuid() != 0 || access(SERVICE_FILE, F_OK) != 0) {
        *ret_env = NULL;
        return 0;
    }
    const char *missing = load();
    if (missing) {
        gl_exec_report(GL_EXEC_FAILED, GL_EXEC_STAGE_PAM, 0, 0, job->account.name, missing);
        return -1;
    }
    int result = open_session(job, tty);
    if (result != PAM_SUCCESS) {
        gl_exec_report(GL_EXEC_FAILED, GL_EXEC_STAGE_PAM, 0, 0, job->account.name,
                       pam.pam_strerror(handle, result));
        gl_exec_pam_close();
        return -1;
    }
    *ret_env = pam.pam_getenvlist(handle);
    return 0;
}

void gl_exec_pam_close(void)
{
    if (!handle)
        return;
    int result = PAM_SUCCESS;
    if (has_session)
        result = pam.pam_close_session(handle, PAM_SILENT);
    if (has_credentials)
        result = pam.pam_setcred(handle, PAM_DELETE_CRED | PAM_SILENT);
    pam.pam_end(handle, result);
    handle = NULL;
}

#else

int gl_exec_pam_open(const struct gl_exec_job *job, const char *tty, char ***ret_env)
{
    (void)job;
    (void)tty;
    *ret_env = NULL;
    return 0;
}

void gl_exec_pam_close(void)
{
}

#endif
