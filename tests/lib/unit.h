/* SPDX-License-Identifier: MIT */
/*
 * The main function of a unit test program: GL_UNIT_MAIN(suite), with suite a function that returns
 * a Check Suite. Exits 0 when all passed. $CK_FORK, $CK_VERBOSITY and $CK_RUN_CASE work as Check
 * documents them.
 */
#ifndef GL_UNIT_H
#define GL_UNIT_H

#include <check.h>
#include <stdlib.h>

/* The program's exit status. */
static inline int gl_unit_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define GL_UNIT_MAIN(suite_fn)                                                                     \
    int main(void)                                                                                 \
    {                                                                                              \
        return gl_unit_run(suite_fn());                                                            \
    }

/* Suite *gl_unit_suite(name, fn...): one suite of one test case, with the tests given. */
static inline Suite *gl_unit_suite(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

#define GL_UNIT_SUITE(name, ...)                                                                   \
    gl_unit_suite((name), (const TTest *const[]){__VA_ARGS__},                                     \
                  sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

#endif
