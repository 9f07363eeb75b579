/* SPDX-License-Identifier: MIT */
/*
 * On Windows the helper does one thing: it joins the console of a process and sends an event
 * there. GenerateConsoleCtrlEvent() reaches only who shares the caller's console
 * ("GenerateConsoleCtrlEvent function", learn.microsoft.com), the agent has none, and joining one
 * is a matter of the whole process.
 */
#include "exec-helper.h"

#include <windows.h>

#include "mem.h"
#include "windows/exec-console.h"

/* It is for the others. */
static BOOL WINAPI on_event(DWORD event)
{
    (void)event;
    return TRUE;
}

void gl_exec_helper_main(void)
{
    wchar_t order[32];
    DWORD length = GetEnvironmentVariableW(GL_EXEC_EVENT_VARIABLE, order, GL_ARRAY_SIZE(order));
    if (length == 0 || length >= GL_ARRAY_SIZE(order))
        ExitProcess(2); /* somebody tried the option by hand */
    wchar_t *end;
    DWORD pid = wcstoul(order, &end, 10);
    DWORD event = wcstoul(*end ? end + 1 : end, NULL, 10) == GL_EXEC_EVENT_C ? CTRL_C_EVENT
                                                                             : CTRL_BREAK_EVENT;
    FreeConsole();
    /* Group 0: all that have the console. */
    if (!AttachConsole(pid) || !SetConsoleCtrlHandler(on_event, TRUE) ||
        !GenerateConsoleCtrlEvent(event, 0))
        ExitProcess(1);
    ExitProcess(0);
}
