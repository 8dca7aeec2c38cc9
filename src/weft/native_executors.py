"""In the place of ``concurrent.futures.ThreadPoolExecutor``: one whose workers are threads of the operating system.

``patch_all(native_executors=True)`` and ``weft run --native-executors`` ask for it.
"""

from weft.realthreads import RealThreadPoolExecutor as ThreadPoolExecutor

__all__ = ["ThreadPoolExecutor"]

__patches__ = {
    "concurrent.futures": {"ThreadPoolExecutor": ThreadPoolExecutor},
    "concurrent.futures.thread": {"ThreadPoolExecutor": ThreadPoolExecutor},
}
