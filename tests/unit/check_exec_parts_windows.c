/* SPDX-License-Identifier: MIT */
/* What exec and info decide on Windows, apart from the system that they ask. */
#include <stdio.h>
#include <string.h>

#include <windows.h>

#include <ntsecapi.h>
#include <uv.h>

#include "mem.h"
#include "policy.h"
#include "sys.h"
#include "unit.h"
#include "windows/exec-account.h"
#include "windows/exec-environment.h"
#include "windows/exec-quote.h"
#include "windows/exec-search.h"
#include "windows/info-name.h"
#include "windows/smbios.h"

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ------------------------------------------------------------------ command lines */

static void expect_line(const char *const *argv, const char *expected)
{
    char *line;
    const char *why;
    ck_assert_int_eq(gl_exec_quote_program(argv, &line, &why), 0);
    ck_assert_str_eq(line, expected);
    gl_free(line);
}

START_TEST(lines_for_the_c_runtime)
{
    expect_line(ARGV("a"), "\"a\"");
    expect_line(ARGV("a b", "c", ""), "\"a b\" c \"\"");
    expect_line(ARGV("a", "b c", "d\te"), "\"a\" \"b c\" \"d\te\"");
    /* "Parsing C++ command-line arguments" has these from the other side. */
    expect_line(ARGV("a", "abc", "d\\\\\\e f"), "\"a\" abc \"d\\\\\\e f\"");
    expect_line(ARGV("a", "a\\\"b"), "\"a\" \"a\\\\\\\"b\"");
    expect_line(ARGV("a", "a\\\\b c\\"), "\"a\" \"a\\\\b c\\\\\"");
    expect_line(ARGV("a", "ends\\"), "\"a\" ends\\");
    expect_line(ARGV("a", "\""), "\"a\" \"\\\"\"");
    expect_line(ARGV("a", "%PATH% & ^"), "\"a\" \"%PATH% & ^\"");
    char *line = NULL;
    const char *why = NULL;
    ck_assert_int_eq(gl_exec_quote_program(ARGV("a\"b"), &line, &why), UV_EINVAL);
    ck_assert_ptr_nonnull(why);
}
END_TEST

START_TEST(lines_for_batch_files)
{
    char *line;
    const char *why;
    ck_assert_int_eq(gl_exec_quote_batch("C:\\cmd.exe", "C:\\x y.bat",
                                         ARGV("x", "plain", "/p:1", "two words", "a&b", "", "c^d"),
                                         &line, &why),
                     0);
    ck_assert_str_eq(line, "\"C:\\cmd.exe\" /d /e:on /v:off /s /c \"\"C:\\x y.bat\" plain /p:1 "
                           "\"two words\" \"a&b\" \"\" \"c^d\"\"");
    gl_free(line);
    static const char *const bad[] = {"a\"b", "\"&calc", "100%", "%PATH%", "a\nb",
                                      "a\rb", "\x1a",    "\x7f", "\"",     "%%"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(bad); i++) {
        why = NULL;
        ck_assert_msg(gl_exec_quote_batch("c", "s", ARGV("x", "fine", bad[i]), &line, &why) ==
                          UV_EINVAL,
                      "'%s'", bad[i]);
        ck_assert_ptr_nonnull(strstr(why, "cmd.exe"));
    }
    ck_assert_int_eq(gl_exec_quote_batch("c", "C:\\%x%.bat", ARGV("x"), &line, &why), UV_EINVAL);
}
END_TEST

START_TEST(names_of_batch_files)
{
    static const char *const batch[] = {"a.bat",  "A.BAT",    "C:\\x\\y.Cmd", "a.bat.",
                                        "a.bat ", "a.cmd. .", ".bat"};
    static const char *const others[] = {"a.exe", "bat", "a.bat.exe", "", "a.batx", "a.cm", "xbat"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(batch); i++)
        ck_assert_msg(gl_exec_is_batch(batch[i]), "%s", batch[i]);
    for (size_t i = 0; i < GL_ARRAY_SIZE(others); i++)
        ck_assert_msg(!gl_exec_is_batch(others[i]), "%s", others[i]);
}
END_TEST

/* ------------------------------------------------------------------ environment, paths */

START_TEST(environment_is_sorted_and_changed)
{
    wchar_t base[] = L"=C:=C:\\\0Path=x\0alpha=1\0Zed=2\0";
    wchar_t *block =
        gl_exec_environment(base, ARGV("PATH=y", "_u=\xc3\xbc", "ALPHA=3", "n=", "n=4"));
    static const wchar_t expected[] = L"=C:=C:\\\0ALPHA=3\0n=4\0PATH=y\0Zed=2\0_u=\u00fc\0";
    ck_assert_ptr_nonnull(block);
    ck_assert_mem_eq(block, expected, sizeof(expected));
    ck_assert_int_eq(wcscmp(gl_exec_environment_get(block, L"path"), L"y"), 0);
    ck_assert_ptr_null(gl_exec_environment_get(block, L"pat"));
    ck_assert_ptr_null(gl_exec_environment_get(block, L""));
    gl_free(block);
    ck_assert_ptr_null(gl_exec_environment(base, ARGV("a=\xff")));
    ck_assert_ptr_null(gl_exec_environment(base, ARGV("=a")));
    block = gl_exec_environment(NULL, NULL);
    ck_assert(block[0] == 0 && block[1] == 0);
    gl_free(block);
}
END_TEST

START_TEST(paths_are_seen_from_a_folder)
{
    static const struct {
        const wchar_t *path, *expected;
    } cases[] = {
        {L"C:\\a\\b.exe", L"C:\\a\\b.exe"},
        {L"c:/a/../b", L"c:\\b"},
        {L"b\\c.exe", L"D:\\dir\\b\\c.exe"},
        {L".\\c", L"D:\\dir\\c"},
        {L"..\\..\\..\\c", L"D:\\c"},
        {L"\\c", L"D:\\c"},
        {L"\\\\server\\share\\x", L"\\\\server\\share\\x"},
        {L"C:x", NULL},
        {L"C:", NULL},
        {L"\\\\.\\NUL", NULL},
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        wchar_t *full = gl_exec_path_from(L"D:\\dir", cases[i].path);
        ck_assert_msg(cases[i].expected ? full && wcscmp(full, cases[i].expected) == 0 : !full,
                      "case %d: '%ls'", (int)i, full ? full : L"");
        gl_free(full);
    }
}
END_TEST

/* ------------------------------------------------------------------ accounts, sessions */

START_TEST(sessions)
{
    DWORD session = 77;
    ck_assert(gl_exec_session_parse("console", 3, &session));
    ck_assert_uint_eq(session, 3);
    ck_assert(gl_exec_session_parse("12", 3, &session));
    ck_assert_uint_eq(session, 12);
    static const char *const bad[] = {"", "-1", "1x", "screen", " 1", "4294967295", "99999999999"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(bad); i++)
        ck_assert_msg(!gl_exec_session_parse(bad[i], 3, &session), "'%s'", bad[i]);
    ck_assert(!gl_exec_session_parse("console", 0xFFFFFFFF, &session));
    ck_assert_uint_eq(session, 12);
}
END_TEST

START_TEST(guesses_are_limited)
{
    const uint64_t start = 1000000;
    for (unsigned i = 0; i < GL_EXEC_GUESSES_MAX; i++)
        ck_assert(gl_exec_guess_take(i % 2 ? "alice" : "ALICE", start + i));
    ck_assert(!gl_exec_guess_take("Alice", start + 10));
    ck_assert(gl_exec_guess_take("bob", start + 10)); /* is not disturbed */
    for (unsigned i = 0; i < 20; i++) {
        ck_assert(gl_exec_guess_take("carol", start + i)); /* knows it */
        gl_exec_guess_was_right("carol");
    }
    ck_assert(!gl_exec_guess_take("alice", start + GL_EXEC_GUESSES_MS - 1));
    ck_assert(gl_exec_guess_take("alice", start + GL_EXEC_GUESSES_MS));
    /* Whoever makes up names finds an end, too. */
    unsigned n = 0;
    for (; n < 1000; n++) {
        char name[16];
        snprintf(name, sizeof(name), "user%u", n);
        if (!gl_exec_guess_take(name, start + GL_EXEC_GUESSES_MS + 100))
            break;
    }
    ck_assert_uint_gt(n, 30);
    ck_assert_uint_lt(n, 65);
}
END_TEST

START_TEST(failed_logons_have_words)
{
    char *unknown = gl_exec_logon_failure(ERROR_NONE_MAPPED);
    char *wrong = gl_exec_logon_failure(ERROR_LOGON_FAILURE);
    char *locked = gl_exec_logon_failure(ERROR_ACCOUNT_LOCKED_OUT);
    char *granted = gl_exec_logon_failure(ERROR_LOGON_TYPE_NOT_GRANTED);
    ck_assert_str_eq(unknown, wrong);
    ck_assert_ptr_nonnull(strstr(locked, "locked"));
    ck_assert_ptr_nonnull(strstr(granted, "batch job"));
    gl_free(unknown);
    gl_free(wrong);
    gl_free(locked);
    gl_free(granted);
}
END_TEST

START_TEST(accounts_have_short_names)
{
    static const struct {
        const char *domain, *name, *expected;
        bool well_known;
    } cases[] = {{"CORP", "alice", "CORP\\alice", false},
                 {"VM1", "bob", "bob", false},
                 {"vm1", "bob", "bob", false},
                 {"NT AUTHORITY", "SYSTEM", "SYSTEM", true},
                 {"", "carol", "carol", false}};
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        char *name =
            gl_exec_account_name(cases[i].domain, cases[i].name, "VM1", cases[i].well_known);
        ck_assert_str_eq(name, cases[i].expected);
        gl_free(name);
    }
    ck_assert_int_eq(gl_exec_logon_kind("vm1", "VM1"), GL_EXEC_LOGON_LOCAL);
    ck_assert_int_eq(gl_exec_logon_kind("CORP", "VM1"), GL_EXEC_LOGON_DOMAIN);
}
END_TEST

static bool is_text(const UNICODE_STRING *text, const wchar_t *expected, const char *message,
                    ULONG size)
{
    const char *at = (const char *)text->Buffer;
    return text->Length == wcslen(expected) * sizeof(wchar_t) && at >= message &&
           at + text->Length <= message + size && memcmp(at, expected, text->Length) == 0;
}

/* Texts lie within the message, which LsaLogonUser() copies as one piece. */
START_TEST(logon_messages)
{
    ULONG size;
    char *message = gl_exec_logon_message(GL_EXEC_LOGON_LOCAL, L"bob", L"VM1", &size);
    const MSV1_0_S4U_LOGON *local = (const MSV1_0_S4U_LOGON *)(const void *)message;
    ck_assert_int_eq(local->MessageType, MsV1_0S4ULogon);
    ck_assert(is_text(&local->UserPrincipalName, L"bob", message, size));
    ck_assert(is_text(&local->DomainName, L"VM1", message, size));
    gl_free(message);
    message = gl_exec_logon_message(GL_EXEC_LOGON_DOMAIN, L"alice@corp.example", L"", &size);
    const KERB_S4U_LOGON *domain = (const KERB_S4U_LOGON *)(const void *)message;
    ck_assert_int_eq(domain->MessageType, KerbS4ULogon);
    ck_assert(is_text(&domain->ClientUpn, L"alice@corp.example", message, size));
    ck_assert_uint_eq(domain->ClientRealm.Length, 0);
    gl_free(message);
    wchar_t *longest = GL_NEW0_ARRAY(wchar_t, 40001);
    wmemset(longest, L'x', 40000);
    ck_assert_ptr_null(gl_exec_logon_message(GL_EXEC_LOGON_LOCAL, longest, L"", &size));
    gl_free(longest);
}
END_TEST

/* ------------------------------------------------------------------ what the machine is */

static void expect_name(const struct gl_windows_release *release, const char *name)
{
    char *found = gl_windows_name(release);
    ck_assert_str_eq(found, name);
    gl_free(found);
}

START_TEST(names_of_windows)
{
    struct gl_windows_release release = {"Windows 10 Pro", "22H2", 10, 0, 19045, 3803, true};
    expect_name(&release, "Windows 10 Pro 22H2");
    release.build = 22631;
    release.display = "23H2";
    expect_name(&release, "Windows 11 Pro 23H2");
    char *version = gl_windows_version(&release);
    ck_assert_str_eq(version, "10.0.22631.3803");
    gl_free(version);
    release.product = "Windows 10";
    release.display = NULL;
    expect_name(&release, "Windows 11");
    release = (struct gl_windows_release){
        "Windows Server 2022 Datacenter", "21H2", 10, 0, 20348, 1, false};
    expect_name(&release, "Windows Server 2022 Datacenter 21H2");
    release.product = "Windows 10 Something";
    release.build = 26100;
    expect_name(&release, "Windows 10 Something 21H2");
    release.product = "";
    expect_name(&release, "Windows 21H2");
}
END_TEST

/* RawSMBIOSData with a BIOS structure before that of the system, as QEMU has it. */
static size_t make_table(uint8_t *raw, uint8_t minor, uint8_t sys_length)
{
    static const uint8_t head[] = {0, 2, 0, 0, 0, 0, 0, 0};
    static const uint8_t bios[] = {0, 6, 0, 0, 1, 2, 'S', 'e', 'a', 0, 'B', 0, 0};
    static const uint8_t uuid[] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
                                   0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    uint8_t *at = raw;
    memcpy(at, head, sizeof(head));
    raw[2] = minor;
    at += sizeof(head);
    memcpy(at, bios, sizeof(bios));
    at += sizeof(bios);
    uint8_t sys[29] = {1, sys_length};
    memcpy(sys + 8, uuid, sizeof(uuid));
    memcpy(at, sys, sizeof(sys));
    at += sizeof(sys);
    static const uint8_t end[] = {127, 4, 0, 0, 0, 0};
    memcpy(at, end, sizeof(end));
    at += sizeof(end);
    size_t size = (size_t)(at - raw);
    raw[4] = (uint8_t)(size - 8);
    return size;
}

START_TEST(machine_of_smbios)
{
    static const uint8_t mixed[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    uint8_t raw[128], uuid[16] = {0};
    size_t size = make_table(raw, 8, 27);
    ck_assert(gl_smbios_uuid(raw, size, uuid));
    ck_assert_mem_eq(uuid, mixed, 16);
    raw[2] = 5; /* older ones have it in the order of the bytes */
    ck_assert(gl_smbios_uuid(raw, size, uuid));
    ck_assert_uint_eq(uuid[0], 0x33);
    /* Cut short anywhere, or with lengths that lie: nothing, and nothing beyond the end is read. */
    for (size_t cut = 0; cut < 8 + 13 + 24; cut++) {
        uint8_t *part = gl_memdup(raw, cut + 1);
        ck_assert(!gl_smbios_uuid(part, cut, uuid));
        gl_free(part);
    }
    size = make_table(raw, 8, 8);
    ck_assert(!gl_smbios_uuid(raw, size, uuid));
    size = make_table(raw, 8, 27);
    raw[8 + 1] = 0;
    ck_assert(!gl_smbios_uuid(raw, size, uuid));
    size = make_table(raw, 8, 27);
    memset(raw + 8 + 13 + 8, 0xff, 16);
    ck_assert(!gl_smbios_uuid(raw, size, uuid));
}
END_TEST

START_TEST(names_are_folded)
{
    char *folded = gl_sys_fold_path("c:\\Windows\\\xc3\xa4.EXE");
    ck_assert_str_eq(folded, "C:/WINDOWS/\xc3\x84.EXE");
    gl_free(folded);
    folded = gl_sys_fold("Path\\x\xff");
    ck_assert_str_eq(folded, "Path\\x\xff");
    gl_free(folded);
    static const char *const good[] = {"C:/Windows/*", "*/cmd.exe",       "?:/x", "*",
                                       "C:/a\\*b",     "//server/share/*"};
    static const char *const bad[] = {"C:\\Windows\\*", "/etc/passwd", "cmd.exe",
                                      "C:Windows",      "C:/x\\",      "\\\\server\\share"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(good); i++)
        ck_assert_msg(!gl_sys_pattern_fault(good[i]), "%s", good[i]);
    for (size_t i = 0; i < GL_ARRAY_SIZE(bad); i++)
        ck_assert_msg(gl_sys_pattern_fault(bad[i]) != NULL, "%s", bad[i]);
}
END_TEST

/* ------------------------------------------------------------------ privileges */

/* 1: enabled, 0: not; -1: the token does not have it. */
static int has_enabled(HANDLE token, const wchar_t *privilege)
{
    union {
        TOKEN_PRIVILEGES all;
        BYTE bytes[4096];
    } buffer;
    LUID id;
    DWORD got;
    ck_assert(LookupPrivilegeValueW(NULL, privilege, &id));
    ck_assert(GetTokenInformation(token, TokenPrivileges, &buffer, sizeof(buffer), &got));
    for (DWORD i = 0; i < buffer.all.PrivilegeCount; i++) {
        const LUID_AND_ATTRIBUTES *one = &buffer.all.Privileges[i];
        if (one->Luid.LowPart == id.LowPart && one->Luid.HighPart == id.HighPart)
            return (one->Attributes & SE_PRIVILEGE_ENABLED) != 0;
    }
    return -1;
}

static int of_process(void)
{
    HANDLE token;
    ck_assert(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    int enabled = has_enabled(token, L"SeBackupPrivilege");
    CloseHandle(token);
    return enabled;
}

static DWORD look_at_privileges(void *ctx)
{
    HANDLE token;
    ck_assert(OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token));
    if (*(int *)ctx >= 0) { /* an administrator, as under Wine */
        ck_assert_int_eq(has_enabled(token, L"SeBackupPrivilege"), 1);
        ck_assert_int_eq(has_enabled(token, L"SeRestorePrivilege"), 1);
    }
    CloseHandle(token);
    ck_assert_int_eq(of_process(), *(int *)ctx);
    return 4711;
}

START_TEST(privileges_are_those_of_a_thread_for_a_call)
{
    HANDLE token;
    int before = of_process();
    ck_assert_int_ne(before, 1);
    ck_assert_uint_eq(gl_exec_call_privileged(look_at_privileges, &before), 4711);
    ck_assert(!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token));
    ck_assert_int_eq(of_process(), before);
}
END_TEST

/* The own disk by the name of a share, or of a volume: no rule on C:/ would meet it. */
START_TEST(paths_that_could_be_anywhere)
{
    static const char *const elude[] = {"//localhost/C$/x",       "\\\\127.0.0.1\\c$\\x",
                                        "//?/UNC/localhost/C$/x", "\\\\?\\Volume{1}\\x",
                                        "\\/server/share",        "//./C:/x"};
    static const char *const no[] = {"C:/x", "\\\\?\\C:\\x", "/x", "x", "*", "?", ""};
    const char *text = "";
    for (size_t i = 0; i < GL_ARRAY_SIZE(elude); i++)
        ck_assert_msg(gl_sys_path_eludes(elude[i]), "%s", elude[i]);
    for (size_t i = 0; i < GL_ARRAY_SIZE(no); i++)
        ck_assert_msg(!gl_sys_path_eludes(no[i]), "%s", no[i]);

    struct gl_policy *policy = gl_policy_new(true, NULL);
    struct gl_policy_question path = {.service = "file", .path = elude[0]};
    struct gl_policy_question program = {.service = "exec", .program = "\\\\server\\s\\x.exe"};
    ck_assert_int_eq(gl_policy_ask(policy, &path, false, &text), GL_POLICY_ALLOW);
    struct gl_policy_rule *rule = gl_policy_add(policy, true, "secret");
    ck_assert(gl_policy_rule_add(rule, "path", "C:/secret/*"));
    ck_assert(gl_policy_rule_add(rule, "service", "file"));
    for (size_t i = 0; i < GL_ARRAY_SIZE(elude); i++) {
        path.path = elude[i];
        ck_assert_int_eq(gl_policy_ask(policy, &path, false, &text), GL_POLICY_DENY);
        ck_assert_int_eq(gl_policy_ask(policy, &path, true, &text), GL_POLICY_DENY);
    }
    path.path = "C:/x";
    ck_assert_int_eq(gl_policy_ask(policy, &path, false, &text), GL_POLICY_ALLOW);
    ck_assert_int_eq(gl_policy_ask(policy, &program, false, &text), GL_POLICY_ALLOW);
    ck_assert(!gl_policy_shuns_elusive(policy, &program));
    rule = gl_policy_add(policy, true, "programs");
    ck_assert(gl_policy_rule_add(rule, "program", "*/cmd.exe"));
    ck_assert(gl_policy_shuns_elusive(policy, &program));
    ck_assert_int_eq(gl_policy_ask(policy, &program, false, &text), GL_POLICY_DENY);

    /* Only a rule that names such paths lets them in again, and no wildcard does. */
    rule = gl_policy_add(policy, false, "all");
    ck_assert(gl_policy_rule_add(rule, "program", "*"));
    ck_assert_int_eq(gl_policy_ask(policy, &program, false, &text), GL_POLICY_DENY);
    ck_assert(gl_policy_shuns_elusive(policy, &program));
    rule = gl_policy_add(policy, false, "share");
    ck_assert(gl_policy_rule_add(rule, "program", "//Server/s/*"));
    ck_assert(gl_policy_rule_add(rule, "path", "//Server/s/*"));
    ck_assert(!gl_policy_shuns_elusive(policy, &program));
    program.path = NULL;
    ck_assert_int_eq(gl_policy_ask(policy, &program, false, &text), GL_POLICY_DENY);
    rule = gl_policy_add(policy, false, "programs of the share");
    ck_assert(gl_policy_rule_add(rule, "program", "//Server/s/*"));
    ck_assert_int_eq(gl_policy_ask(policy, &program, false, &text), GL_POLICY_ALLOW);
    program.program = "//server/s/cmd.exe";
    ck_assert_int_eq(gl_policy_ask(policy, &program, false, &text), GL_POLICY_DENY);
    ck_assert_str_eq(text, "programs");
    gl_policy_free(policy);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("exec_parts_windows", lines_for_the_c_runtime, lines_for_batch_files,
                         names_of_batch_files, environment_is_sorted_and_changed,
                         paths_are_seen_from_a_folder, sessions, guesses_are_limited,
                         failed_logons_have_words, accounts_have_short_names, logon_messages,
                         names_of_windows, machine_of_smbios, names_are_folded,
                         privileges_are_those_of_a_thread_for_a_call, paths_that_could_be_anywhere);
}

GL_UNIT_MAIN(suite)
