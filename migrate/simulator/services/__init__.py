"""The small services of the simulated iPhone: each `serve(stream, phone)` until the client has had enough."""
