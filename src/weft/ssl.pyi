from ssl import *  # noqa: F403  # the types are the standard module's
