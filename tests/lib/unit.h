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

/* One suite of one test case, with the tests given; setup and teardown: NULL, or around each. */
static inline Suite *gl_unit_suite(const char *name, SFun setup, SFun teardown,
                                   const TTest *const *tests, size_t n)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    if (setup || teardown)
        tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

#define GL_UNIT_SUITE_WITH(setup, teardown, name, ...)                                             \
    gl_unit_suite((name), (setup), (teardown), (const TTest *const[]){__VA_ARGS__},                \
                  sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))
#define GL_UNIT_SUITE(name, ...) GL_UNIT_SUITE_WITH(NULL, NULL, name, __VA_ARGS__)

#endif
