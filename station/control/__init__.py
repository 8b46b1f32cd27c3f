"""The line's socket, both ends: the values that go over it, the requests, the server and the client."""
