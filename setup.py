"""Build weft's Cython modules; everything else about the package stands in pyproject.toml.

The name of an extension follows from the place of its `.pyx` below `src`. The generated C goes to `build/`, never beside the
source. `WEFT_DEBUG=1` builds without optimisation, with debug symbols, with C asserts, and with the Cython source quoted in
the C, in a build folder of its own; add `--force` to `build_ext` when you change between the two.

`WEFT_SANITIZE=address` (or `undefined`) adds that sanitizer of gcc or clang, symbols, and C asserts,
in a build folder of its own. `scripts/sanitize` builds it there and runs the tests with it.
"""

import os
import sys
from pathlib import Path

import greenlet
from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup

SOURCE = Path("src")
DEBUG = os.environ.get("WEFT_DEBUG", "0") not in ("", "0")
SANITIZER = os.environ.get("WEFT_SANITIZE", "")
# of functions, in bytes; measured: 64 on 3.11 makes the queue row 8 % slower, 32 on 3.13 the yield 2 %
ALIGNMENT = 64 if sys.version_info >= (3, 12) else 32
BUILD = Path("build", SANITIZER or ("debug" if DEBUG else ""))


def compiler_flags() -> list[str]:
    """Flags that come after those that the interpreter was built with, and so overrule them."""
    if sys.platform == "win32":
        return ["/Od", "/Zi", "/UNDEBUG"] if DEBUG else ["/O2"]
    if SANITIZER:
        # greenlet copies stacks by memcpy: red zones in them would all be reported
        stack = ["--param=asan-stack=0"] if SANITIZER == "address" else []
        return [f"-fsanitize={SANITIZER}", *stack, "-fno-omit-frame-pointer", "-O1", "-g", "-UNDEBUG"]
    if DEBUG:
        return ["-O0", "-g", "-UNDEBUG"]
    if sys.platform == "linux":
        # aligned: a yield took up to 5 % more or less, as changes elsewhere moved the functions it is made of
        return ["-O3", "-g0", "-fno-plt", "-fno-semantic-interposition", f"-falign-functions={ALIGNMENT}"]
    return ["-O3"]


def linker_flags() -> list[str]:
    """Flags that link the sanitizer's library."""
    return [f"-fsanitize={SANITIZER}"] if SANITIZER else []


def extensions() -> list[Extension]:
    """One extension a `.pyx`, in the order of their paths; `greenlet/greenlet.h` lies beside greenlet's Python files."""
    header_folder = str(Path(greenlet.__file__).parent.parent)
    return [
        Extension(
            ".".join(source.relative_to(SOURCE).with_suffix("").parts),
            [source.as_posix()],
            include_dirs=[header_folder],
            extra_compile_args=compiler_flags(),
            extra_link_args=linker_flags(),
        )
        for source in sorted(SOURCE.glob("weft/**/*.pyx"))
    ]


if SANITIZER not in ("", "address", "undefined"):
    sys.exit(f"WEFT_SANITIZE is {SANITIZER!r}; it takes 'address' or 'undefined'.")

Options.emit_code_comments = DEBUG or bool(SANITIZER)

setup(
    ext_modules=cythonize(
        extensions(),
        build_dir=(BUILD / "cython").as_posix(),
        include_path=[SOURCE.as_posix()],
        # Nothing here can be pickled or copied field by field: a lock's copy would share its
        # waiters, a NULL would be read.
        compiler_directives={"language_level": 3, "linetrace": False, "auto_pickle": False},
        show_all_warnings=DEBUG,
    ),
    options={"build": {"build_base": BUILD.as_posix()}},
)
