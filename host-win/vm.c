/* SPDX-License-Identifier: MIT */
/*
 * Hyper-V's virtual machines by WMI: class Msvm_ComputerSystem of root\virtualization\v2, in which
 * ElementName is the name for people, Name the VmId, and EnabledState what it does; the host itself
 * is an object of the same class, without a GUID for a name ("Msvm_ComputerSystem class",
 * learn.microsoft.com). Seen by administrators and Hyper-V Administrators; others see none.
 */
#define COBJMACROS
#include "machines.h"

#include <stdlib.h>
#include <string.h>
#include <wbemcli.h>
#include <windows.h>

#include "mem.h"
#include "windows/wide.h"

#define NAMESPACE L"ROOT\\virtualization\\v2"
#define QUERY     L"SELECT ElementName, Name, EnabledState FROM Msvm_ComputerSystem"
#define LIMIT_MS  10000 /* for the next machines of an answer */
#define AT_A_TIME 32u

/* ------------------------------------------------------------------ the connection */

/* BSTR for SysFreeString(); never NULL. */
static BSTR text_of(const wchar_t *text)
{
    BSTR bstr = SysAllocString(text);
    if (!bstr)
        abort(); /* as when memory is out */
    return bstr;
}

/* With this process's own account, which the provider must learn to decide what it may see. Proxies
 * do not have it of one another ("Setting the security on IWbemServices and other proxies",
 * learn.microsoft.com). */
static bool set_blanket(void *proxy)
{
    return SUCCEEDED(CoSetProxyBlanket((IUnknown *)proxy, RPC_C_AUTHN_WINNT, RPC_C_AUTHZ_NONE, NULL,
                                       RPC_C_AUTHN_LEVEL_PKT_PRIVACY, RPC_C_IMP_LEVEL_IMPERSONATE,
                                       NULL, EOAC_NONE));
}

/* No such namespace: Hyper-V is not installed, and when it is, Windows is started anew. */
static int connect_services(IWbemServices **ret_services)
{
    IWbemLocator *locator = NULL;
    IWbemServices *services = NULL;
    if (FAILED(CoCreateInstance(&CLSID_WbemLocator, NULL, CLSCTX_INPROC_SERVER, &IID_IWbemLocator,
                                (void **)&locator)))
        return UV_EIO;
    BSTR path = text_of(NAMESPACE);
    HRESULT result = IWbemLocator_ConnectServer(
        locator, path, NULL, NULL, NULL, WBEM_FLAG_CONNECT_USE_MAX_WAIT, NULL, NULL, &services);
    SysFreeString(path);
    IWbemLocator_Release(locator);
    if (FAILED(result))
        return result == (HRESULT)WBEM_E_INVALID_NAMESPACE ? UV_ENOTSUP : UV_EIO;
    if (set_blanket(services)) {
        *ret_services = services;
        return 0;
    }
    IWbemServices_Release(services);
    return UV_EACCES;
}

static int open_source(void **ret_state)
{
    IWbemServices *services;
    if (FAILED(CoInitializeEx(NULL, COINIT_MULTITHREADED)))
        return UV_EIO;
    int err = connect_services(&services);
    if (err < 0)
        CoUninitialize();
    else
        *ret_state = services;
    return err;
}

static void close_source(void *state)
{
    IWbemServices_Release((IWbemServices *)state);
    CoUninitialize();
}

/* ------------------------------------------------------------------ one machine */

/* For gl_free(); NULL: it has none, or no text. */
static char *get_text(IWbemClassObject *object, const wchar_t *property)
{
    VARIANT value;
    char *text = NULL;
    VariantInit(&value);
    if (FAILED(IWbemClassObject_Get(object, property, 0, &value, NULL, NULL)))
        return NULL;
    if (V_VT(&value) == VT_BSTR && V_BSTR(&value))
        text = gl_narrow(V_BSTR(&value));
    VariantClear(&value);
    return text;
}

/* The class has 9 for paused and 6 for saved; those above 32767 are of the older namespace, and of
 * some versions of this one. CIM's uint16 comes as VT_I4 ("Numbers", WMI, learn.microsoft.com). */
static enum gl_machine_state get_state(IWbemClassObject *object)
{
    VARIANT value;
    VariantInit(&value);
    if (FAILED(IWbemClassObject_Get(object, L"EnabledState", 0, &value, NULL, NULL)))
        return GL_MACHINE_OTHER;
    long number = V_VT(&value) == VT_I4 ? V_I4(&value) : 0;
    VariantClear(&value);
    switch (number) {
    case 2:
        return GL_MACHINE_RUNNING;
    case 3:
        return GL_MACHINE_OFF;
    case 6:
    case 32769:
        return GL_MACHINE_SAVED;
    case 9:
    case 32768:
        return GL_MACHINE_PAUSED;
    default:
        return GL_MACHINE_OTHER;
    }
}

/* False: it is the host, or has no name that fits. */
static bool read_machine(IWbemClassObject *object, struct gl_machine *ret_machine)
{
    struct gl_machine machine = {.state = get_state(object)};
    char *id = get_text(object, L"Name"), *name = get_text(object, L"ElementName");
    bool good = id && name && gl_guid_parse(id, &machine.id) == 0 && *name &&
                strlen(name) < sizeof machine.name;
    if (good)
        memcpy(machine.name, name, strlen(name) + 1);
    gl_free(id);
    gl_free(name);
    if (good)
        *ret_machine = machine;
    return good;
}

/* ------------------------------------------------------------------ all of them */

static int take_all(IEnumWbemClassObject *found, struct gl_machine **ret_items, size_t *ret_n)
{
    struct gl_machine *items = NULL;
    size_t n = 0;
    HRESULT result = WBEM_S_NO_ERROR;
    while (result == WBEM_S_NO_ERROR && n < GL_MACHINES_MAX) {
        IWbemClassObject *objects[AT_A_TIME];
        ULONG count = 0;
        result = IEnumWbemClassObject_Next(found, LIMIT_MS, AT_A_TIME, objects, &count);
        items = gl_realloc_array(items, n + AT_A_TIME, sizeof *items);
        for (ULONG i = 0; i < count; i++) {
            if (n < GL_MACHINES_MAX && read_machine(objects[i], &items[n]))
                n++;
            IWbemClassObject_Release(objects[i]);
        }
    }
    /* WBEM_S_FALSE: there are no more. A time limit that is over is a success code too. */
    if (FAILED(result) || result == WBEM_S_TIMEDOUT) {
        gl_free(items);
        return UV_EIO;
    }
    *ret_items = items;
    *ret_n = n;
    return 0;
}

static int list(void *state, struct gl_machine **ret_items, size_t *ret_n)
{
    IWbemServices *services = state;
    IEnumWbemClassObject *found = NULL;
    BSTR language = text_of(L"WQL"), query = text_of(QUERY);
    HRESULT result = IWbemServices_ExecQuery(services, language, query,
                                             WBEM_FLAG_FORWARD_ONLY | WBEM_FLAG_RETURN_IMMEDIATELY,
                                             NULL, &found);
    SysFreeString(language);
    SysFreeString(query);
    if (FAILED(result))
        return UV_EIO;
    int err = set_blanket(found) ? take_all(found, ret_items, ret_n) : UV_EACCES;
    IEnumWbemClassObject_Release(found);
    return err;
}

static const struct gl_machines_source wmi = {
    .open = open_source, .list = list, .close = close_source};

const struct gl_machines_source *const gl_machines_system = &wmi;
