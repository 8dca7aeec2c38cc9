from socket import *  # noqa: F403  # the types are the standard module's
from socket import __all__ as __all__
