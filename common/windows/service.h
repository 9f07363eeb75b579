/* SPDX-License-Identifier: MIT */
/*
 * A daemon as a Windows service: being one, and the verbs by which a person makes it one. One
 * service a process ("Service Control Manager", learn.microsoft.com).
 */
#ifndef GL_WINDOWS_SERVICE_H
#define GL_WINDOWS_SERVICE_H

#include <stdbool.h>
#include <windows.h>

/* The first word of the command line that the service control manager has. */
#define GL_SERVICE_OPTION "--service"

struct gl_service {
    const char *name;    /* of the service, of its event source, and of the program */
    const char *display; /* what the Services console shows */
    const char *description;
    /* The only privileges that its token keeps, as SERVICE_REQUIRED_PRIVILEGES_INFO has them: each
     * with its NUL, another NUL at the end. */
    const wchar_t *privileges;
    /* The daemon: runs until gl_orders_give(GL_ORDER_STOP), says READY=1 by gl_startup_notify()
     * when it works; its exit status. */
    int (*run)(int argc, char **argv);
    /* More to be done after it was installed and before it is removed; 0, or an exit status of the
     * verb after having said why on stderr. NULL: nothing. */
    int (*installed)(void);
    int (*uninstalling)(void);
};

/*
 * The main function of the program. With a verb (install, uninstall, start, stop, status) does
 * that; started by the service control manager it is the service; otherwise the daemon runs in this
 * console. Exit status: of the daemon; of a verb 0, 1 failed (status: it does not run), 2 usage.
 */
int gl_service_main(const struct gl_service *service, int argc, char **argv);

/* What the daemon tells its service manager by gl_startup_notify(). Any thread. Does nothing in a
 * console. */
void gl_service_notify(const char *state);

/* The daemon is over, though it does not return. Does nothing in a console. */
void gl_service_ended(int status);

/* For --help. */
extern const char gl_service_help[];

/* ------------------------------------------------------------------ among service*.c */

/* Sets all of the service's configuration that CreateService() does not. The handle needs
 * SERVICE_CHANGE_CONFIG and SERVICE_START. false: GetLastError(). */
bool gl_service_configure(const struct gl_service *service, SC_HANDLE handle);
/* The same from within the service, for one that a package has installed: packages can say only
 * where it is. Does nothing if recovery has been configured. */
void gl_service_configure_own(const struct gl_service *service);

/* Does the verb in argv[1]; -1: there is none. */
int gl_service_verb(const struct gl_service *service, int argc, char **argv);
/* The text of an error of Windows, for gl_free(). */
char *gl_service_error(DWORD error);

#endif
