"""The bus: which cameras are there, and control requests to one of them. The only importer of pyusb and pyudev."""
