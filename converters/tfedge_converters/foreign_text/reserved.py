"""Names that a model cannot have, since its files, symbols and CMake target are called so."""

from __future__ import annotations

from collections.abc import Mapping

# By what the name is already; each completes "the name is …".
_RESERVED = {
    "a word of C or C++": (
        "alignas alignof and and_eq asm atomic_cancel atomic_commit atomic_noexcept auto bitand "
        "bitor bool break case catch char char16_t char32_t char8_t class co_await co_return "
        "co_yield compl concept const const_cast consteval constexpr constinit continue decltype "
        "default delete do double dynamic_cast else enum explicit export extern false final float "
        "for friend goto if import inline int long main module mutable namespace new noexcept not "
        "not_eq nullptr operator or or_eq override private protected public register "
        "reinterpret_cast requires restrict return short signed sizeof static static_assert "
        "static_cast struct switch synchronized template this thread_local throw true try typedef "
        "typeid typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t "
        "while xor xor_eq"
    ),
    # Generated headers lie in a folder where #include <…> looks too.
    "a header of C": (
        "assert complex ctype errno fenv inttypes iso646 limits locale math setjmp signal "
        "stdalign stdarg stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib stdmchar "
        "stdnoreturn string tgmath threads time uchar wchar wctype"
    ),
    "a header of POSIX or of a C library": (
        "aio alloca ansidecl ar argp argz byteswap cpio crypt dirent dlfcn elf endian envz err "
        "error execinfo fastmath fcntl features fmtmsg fnmatch fts ftw getopt glob grp iconv "
        "ieeefp ifaddrs langinfo libgen libintl link malloc memory monetary mqueue ndbm netdb "
        "newlib nl_types obstack paths picolibc poll printf pthread pwd reent regex resolv sched "
        "search semaphore shadow spawn stdio_ext strings stropts syscall syslog tar termio "
        "termios trace ttyent ulimit unctrl unistd unwind ustat utime utmp utmpx values wait "
        "wordexp xlocale"
    ),
    "a header of a compiler or of CMSIS": (
        "ammintrin arm_acle arm_bf16 arm_cde arm_cmse arm_fp16 arm_math arm_math_types arm_mve "
        "arm_neon arm_nn_math_types arm_nn_tables arm_nn_types arm_nnfunctions "
        "arm_nnsupportfunctions arm_sve avxintrin bmiintrin cmsis_armcc cmsis_armclang "
        "cmsis_compiler cmsis_gcc cmsis_iccarm cmsis_os cmsis_os2 cmsis_version core_cm0 "
        "core_cm0plus core_cm1 core_cm23 core_cm3 core_cm33 core_cm35p core_cm4 core_cm52 "
        "core_cm55 core_cm7 core_cm85 core_sc000 core_sc300 cpuid emmintrin freertos immintrin "
        "intrin mm_malloc mmintrin mpu_armv7 mpu_armv8 nmmintrin pmmintrin quadmath riscv_vector "
        "smmintrin tmmintrin varargs wmmintrin x86intrin xmmintrin"
    ),
    # Some file systems do not tell wire.h from Wire.h.
    "a header of Arduino": (
        "arduino binary client eeprom ethernet hardwareserial ipaddress keyboard mouse "
        "pins_arduino print printable sd server servo softwareserial spi stepper stream usbapi "
        "wcharacter wire wstring"
    ),
    "a header that STM32CubeMX writes": (
        "adc can crc dac dma eth fdcan fmc gpio i2c i2s iwdg lptim lwip mpu quadspi rng rtc sai "
        "sdmmc tim uart usart usb wwdg"
    ),
    "what functions of C or POSIX begin with": (
        "atomic cnd mtx posix_spawn_file_actions posix_spawnattr pthread_attr pthread_barrier "
        "pthread_barrierattr pthread_cond pthread_condattr pthread_mutex pthread_mutexattr "
        "pthread_rwlock pthread_rwlockattr pthread_spin sem thrd tss"
    ),
    "a library that linkers know": "c dl g gcc m nosys rdimon rt stdc util",
    "a word or target of CMake": (
        "all all_build clean cmake continuous debug depend edit_cache experimental general help "
        "install interface list_install_components nightly optimized package package_source "
        "preinstall rebuild_cache run_tests test uninstall zero_check"
    ),
    "a device of Windows": (
        "aux com0 com1 com2 com3 com4 com5 com6 com7 com8 com9 con conin conout lpt0 lpt1 lpt2 "
        "lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9 nul prn"
    ),
    "what tfedge calls the program that runs models": "harness subject",
}

RESERVED: Mapping[str, str] = {
    name: what for what, names in _RESERVED.items() for name in names.split()
}

# The C runtime's own.
RESERVED_PREFIX = "tfedge"
