"""What fetches: one module a program or library, each with ``fetch(urls, certificate)``, which returns the bytes of all bodies."""
