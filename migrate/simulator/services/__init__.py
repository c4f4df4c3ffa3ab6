"""The small services of the software iPhone: each `serve(stream, phone)` until the client has had enough."""
