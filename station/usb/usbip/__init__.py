"""Virtual cameras behind USB/IP sockets, as a backend of pyusb and a watcher."""
