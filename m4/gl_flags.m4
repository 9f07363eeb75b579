# SPDX-License-Identifier: MIT
# GL_ADD_CFLAGS(VARIABLE, FLAGS), GL_ADD_LDFLAGS(VARIABLE, FLAGS)
# Append those of the FLAGS to VARIABLE that the compiler takes without a warning.
AC_DEFUN([GL_ADD_CFLAGS], [
    for gl_flag in m4_normalize([$2]); do
        AX_CHECK_COMPILE_FLAG([$gl_flag], [$1="[$]$1 $gl_flag"], [], [-Werror])
    done
])
AC_DEFUN([GL_ADD_LDFLAGS], [
    for gl_flag in m4_normalize([$2]); do
        AX_CHECK_LINK_FLAG([$gl_flag], [$1="[$]$1 $gl_flag"])
    done
])
