# Foreign libraries: found by pkg-config, checked for what bootseal needs of them before anything is compiled.
find_package(PkgConfig REQUIRED)
include(CheckCSourceCompiles)
if(BOOTSEAL_STATIC_PIE)
    # What a static library needs itself stands in the private part of its .pc file.
    set(PKG_CONFIG_ARGN --static)
endif()

# The names that layers use after PKG, and the oldest version of each that will do.
set(bs_minimum_wolfssl 5.8.0)
set(bs_minimum_tinycbor 0.6.0)
set(bs_minimum_libconfig 1.5)
set(bs_minimum_tss2-mu 4.0.0)
set(bs_minimum_tss2-rc 4.0.0)
set(bs_minimum_tss2-esys 4.0.0)
set(bs_minimum_tss2-tcti-device 4.0.0)
set(bs_minimum_tss2-tcti-swtpm 4.0.0)
set(bs_minimum_libudev 249)
set(bs_minimum_libevent_core 2.1.12)
set(bs_minimum_libevent_pthreads 2.1.12)
set(bs_minimum_libllhttp 9.2)
set(bs_minimum_sqlite3 3.37)
set(bs_minimum_nettle 3.8)
set(bs_minimum_cmocka 1.1.5)

# Makes the target bs_pkg_NAME of a library, once.
macro(bs_package name)
    if(NOT TARGET bs_pkg_${name})
        if(NOT DEFINED bs_minimum_${name})
            message(FATAL_ERROR "${name} is not in the table of cmake/BootsealPackages.cmake")
        endif()
        pkg_check_modules(BS_${name} REQUIRED IMPORTED_TARGET GLOBAL "${name}>=${bs_minimum_${name}}")
        add_library(bs_pkg_${name} INTERFACE IMPORTED GLOBAL)
        target_link_libraries(bs_pkg_${name} INTERFACE PkgConfig::BS_${name})
        if("${name}" STREQUAL wolfssl)
            # wolfSSL's headers must be read with the options that it was built with.
            target_compile_definitions(bs_pkg_${name} INTERFACE WOLFSSL_USE_OPTIONS_H)
        endif()
    endif()
endmacro()

# Stops unless a program that uses the feature can be linked.
# bs_require_feature(VARIABLE PACKAGE "what it is" "how to switch it on" "source")
function(bs_require_feature variable package what remedy source)
    set(CMAKE_REQUIRED_LIBRARIES bs_pkg_${package})
    set(CMAKE_REQUIRED_QUIET TRUE)
    set(CMAKE_TRY_COMPILE_CONFIGURATION Debug)
    if(NOT CMAKE_INTERPROCEDURAL_OPTIMIZATION)
        set(CMAKE_REQUIRED_LINK_OPTIONS $<$<C_COMPILER_ID:GNU>:-fno-lto>)
    endif()
    check_c_source_compiles("${source}" ${variable})
    if(NOT ${variable})
        # Asked anew the next time: the library may be another one then.
        unset(${variable} CACHE)
        message(FATAL_ERROR "${package} ${BS_${package}_VERSION} lacks ${what}: build it with ${remedy}")
    endif()
endfunction()

function(bs_require_wolfssl variable what remedy headers body)
    set(source "#include <wolfssl/ssl.h>\n")
    foreach(header IN LISTS headers)
        string(APPEND source "#include <wolfssl/${header}>\n")
    endforeach()
    bs_require_feature(${variable} wolfssl "${what}" "${remedy}" "${source}int main(void) { ${body} }\n")
endfunction()

bs_package(wolfssl)
bs_require_wolfssl(BS_HAVE_TLS13 "TLS 1.3" "--enable-tls13" ""
    "return wolfTLSv1_3_client_method() == NULL;")
bs_require_wolfssl(BS_HAVE_EXPORTER "the TLS exporter" "--enable-keying-material" ""
    "return wolfSSL_export_keying_material(0, 0, 0, \"\", 0, 0, 0, 0);")
bs_require_wolfssl(BS_HAVE_GROUPS "the choice of groups" "--enable-supportedcurves" ""
    "int g = WOLFSSL_ECC_X25519; return wolfSSL_CTX_set_groups(0, &g, 1);")
bs_require_wolfssl(BS_HAVE_CRYPTOCB "crypto callbacks" "--enable-cryptocb" "wolfcrypt/cryptocb.h"
    "return wc_CryptoCb_RegisterDevice(1, 0, 0);")
bs_require_wolfssl(BS_HAVE_MLKEM "ML-KEM" "--enable-mlkem" "wolfcrypt/wc_mlkem.h"
    "return wc_MlKemKey_Init(0, WC_ML_KEM_768, 0, 0) + WOLFSSL_X25519MLKEM768;")
bs_require_wolfssl(BS_HAVE_CFB "AES-CFB" "--enable-aescfb" "wolfcrypt/aes.h"
    "return wc_AesCfbEncrypt(0, 0, 0, 0);")
bs_require_wolfssl(BS_HAVE_HKDF "HKDF" "--enable-hkdf" "wolfcrypt/hmac.h"
    "return wc_HKDF(0, 0, 0, 0, 0, 0, 0, 0, 0);")
bs_require_wolfssl(BS_HAVE_ED25519 "Ed25519" "--enable-ed25519" "wolfcrypt/ed25519.h"
    "return wc_ed25519_make_public(0, 0, 0);")
bs_require_wolfssl(BS_HAVE_SECP256K1 "secp256k1" "-DHAVE_ECC_KOBLITZ -DWOLFSSL_CUSTOM_CURVES" "wolfcrypt/ecc.h"
    "\n#ifndef HAVE_ECC_KOBLITZ\n#error\n#endif\nreturn wc_ecc_get_curve_idx(ECC_SECP256K1);")
bs_require_wolfssl(BS_HAVE_CERTREQ "certificate requests" "--enable-certgen --enable-certreq --enable-certext"
    "wolfcrypt/asn_public.h" "return wc_MakeCertReq(0, 0, 0, 0, 0);")
bs_require_wolfssl(BS_HAVE_IP_SAN "IP addresses as names" "--enable-ip-alt-name" ""
    "\n#ifndef WOLFSSL_IP_ALT_NAME\n#error\n#endif\nreturn 0;")

bs_package(tss2-mu)
if(BOOTSEAL_AGENT)
    bs_package(tss2-esys)
    bs_require_feature(BS_HAVE_ESYS_CALLBACKS tss2-esys "Esys_SetCryptoCallbacks" "version 4.0 or newer"
        "#include <tss2/tss2_esys.h>\nint main(void) { return Esys_SetCryptoCallbacks(0, 0) != 0; }\n")
endif()
if(BOOTSEAL_SERVER)
    bs_require_wolfssl(BS_HAVE_SERVER "the server side of TLS" "no -DNO_WOLFSSL_SERVER" ""
        "return wolfTLSv1_3_server_method() == NULL;")
    bs_require_wolfssl(BS_HAVE_CUSTOM_EXT "certificate extensions of one's own" "-DWOLFSSL_CUSTOM_OID -DHAVE_OID_ENCODING"
        "wolfcrypt/asn_public.h" "return wc_SetCustomExtension(0, 0, 0, 0, 0);")
endif()
