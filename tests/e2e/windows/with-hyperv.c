/* SPDX-License-Identifier: MIT */
/*
 * with-hyperv PROGRAM ARG...: runs an unmodified program whose calls about AF_HYPERV go to
 * fake-hyperv.dll, which lies beside this program. Exits as it does; 125 if that fails.
 */
#include <stdio.h>

#include "inject.h"

/* What comes after our own name on the command line, quotes as they are. */
static wchar_t *rest_of(wchar_t *line)
{
    bool quoted = false;
    for (; *line && (quoted || (*line != L' ' && *line != L'\t')); line++)
        quoted ^= *line == L'"';
    while (*line == L' ' || *line == L'\t')
        line++;
    return line;
}

static int fail(const char *what)
{
    fprintf(stderr, "with-hyperv: %s: error %lu\n", what, GetLastError());
    return 125;
}

/* A job that ends with us, however we end, and the program with it. */
static HANDLE make_job(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    HANDLE job = CreateJobObjectW(NULL, NULL);
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof(limits));
    return job;
}

/* Ctrl-C is the program's. Not by SetConsoleCtrlHandler(NULL, TRUE): that, it would inherit. */
static BOOL WINAPI ignore(DWORD event)
{
    return event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT;
}

int main(void)
{
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION process;
    wchar_t dll[4096], *line = rest_of(GetCommandLineW());
    DWORD status = 125, len = GetModuleFileNameW(NULL, dll, 4000);
    if (!*line) {
        fprintf(stderr, "usage: with-hyperv PROGRAM ARG...\n");
        return 125;
    }
    if (!GetEnvironmentVariableW(L"GL_HYPERV_DIR", NULL, 0)) {
        fprintf(stderr, "with-hyperv: GL_HYPERV_DIR is not set\n");
        return 125;
    }
    while (len && dll[len - 1] != L'\\')
        len--;
    wcscpy(dll + len, L"fake-hyperv.dll");
    SetConsoleCtrlHandler(ignore, TRUE);
    GetStartupInfoW(&startup);
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, &startup,
                        &process))
        return fail("cannot start the program");
    AssignProcessToJobObject(make_job(), process.hProcess);
    if (!gl_inject(process.hProcess, dll)) {
        int r = fail("cannot load fake-hyperv.dll into it");
        TerminateProcess(process.hProcess, 125);
        return r;
    }
    ResumeThread(process.hThread);
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &status);
    return (int)status;
}
