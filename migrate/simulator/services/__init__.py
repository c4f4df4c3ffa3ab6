"""The small services of the simulated iPhone. Each `serve(stream, phone)` returns when the client closes."""
