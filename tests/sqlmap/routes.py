"""What `tests/sqlmap/run` attacks: one valid request for each route, with every parameter that the route has.

A value that can reach a statement contains `MARKER`, so that the logs show where it went: it must be in parameters of statements, and
never in their text. Numbers, enums, UUIDs, emails and refresh tokens are rejected before any statement unless they are valid.
"""

import json
import re
import urllib.parse
from dataclasses import dataclass

MARKER = "attacked"
ADMIN = {"email": "admin@example.com", "password": "the administrator's own phrase"}
USER = {"email": "user@example.com", "password": "the user's own phrase"}
# Well-formed, and of a session that does not exist.
UNKNOWN_REFRESH_TOKEN = "rt_" + "A" * 64
UNKNOWN_ID = "6b1f1e0c-52a5-4b0c-9d5e-0d4f4b4e8f52"
# Tested by sqlmap from level 3 on.
HEADERS = ["User-Agent", "Referer"]


@dataclass
class Request:
    """A request whose parameters are attacked."""

    method: str
    route: str
    # The status of the request as it stands.
    status: int
    # Values of the path: the text, or the name of what `run` has created.
    ids: tuple = ()
    query: dict | None = None
    body: dict | None = None
    # A text that only successful responses contain, if the responses to equal requests differ.
    success: str | None = None
    # Statuses that sqlmap would take for a reason to give up.
    expected: tuple = ()

    def path(self, created, mark=""):
        path = self.route
        for value in self.ids:
            path = re.sub(r"\{[^}]*\}", created.get(value, value) + mark, path, count=1)
        return path + ("?" + urllib.parse.urlencode(self.query) if self.query else "")

    def names(self):
        """What sqlmap gets as `-p`: without a list, it would skip `refresh_token` as a CSRF token, and headers beside a path."""
        return [*(self.query or {}), *(self.body or {}), *HEADERS]

    def parameters(self):
        """Each parameter, by the name that sqlmap prints."""
        names = [*(self.query or {})]
        for number, (name, value) in enumerate((self.body or {}).items(), 1):
            # It has no name for the items of a list.
            names.append(f"JSON #{number}*" if isinstance(value, list) else f"JSON {name}")
        names += [("JSON " if self.body else "") + f"#{number}*" for number in range(1, len(self.ids) + 1)]
        return names + HEADERS

    def http(self, host, token, created):
        """The request as a file for sqlmap, which attacks what `*` follows in the path."""
        head = [f"{self.method} {self.path(created, '*')} HTTP/1.1", f"Host: {host}", "User-Agent: Mozilla/5.0"]
        head.append(f"Referer: http://{host}/")
        if token:
            head.append(f"Authorization: Bearer {token}")
        if self.body:
            head.append("Content-Type: application/json")
        return "\r\n".join([*head, "", json.dumps(self.body) if self.body else ""])


# Reads come first: the list of documents must not change while it is attacked.
EXAMPLE = [
    Request("GET", "/api/users", 200, query={"limit": 20, "offset": 0, "sort": "email"}),
    Request("GET", "/api/users/{id}", 200, ids=("user",)),
    Request("GET", "/api/documents", 200, query={"q": MARKER, "sort": "title", "limit": 20, "offset": 0}),
    Request("GET", "/api/documents/{id}", 200, ids=("document",)),
    # The email is taken: what is stored must be valid, and each account needs another email.
    Request("POST", "/auth/register", 409, body={"name": MARKER, **USER}, expected=(409,)),
    Request("POST", "/auth/login", 200, body=USER, success="access_token", expected=(401,)),
    Request("POST", "/auth/refresh", 401, body={"refresh_token": UNKNOWN_REFRESH_TOKEN}, expected=(401,)),
    Request(
        "POST",
        "/api/users",
        409,
        body={"name": MARKER, "email": USER["email"], "age": 36, "role": "user"},
        expected=(409,),
    ),
    Request(
        "PATCH",
        "/api/users/{id}",
        200,
        ids=("user",),
        body={"name": MARKER, "email": USER["email"], "age": 36, "role": "user"},
    ),
    Request("DELETE", "/api/users/{id}", 404, ids=(UNKNOWN_ID,), expected=(404,)),
    Request("POST", "/api/documents", 201, body={"title": MARKER, "body": MARKER}, success='"owner"'),
    Request("PUT", "/api/documents/{id}", 200, ids=("document",), body={"title": MARKER, "body": MARKER}, success='"owner"'),
    Request("DELETE", "/api/documents/{id}", 404, ids=(UNKNOWN_ID,), expected=(404,)),
    # The administrator has as many keys as are allowed. The statement that finds that out has all values.
    Request(
        "POST",
        "/api/keys",
        409,
        body={"name": MARKER, "scopes": ["reports:read"], "expires_in_days": 30},
        expected=(409,),
    ),
    Request("DELETE", "/api/keys/{id}", 404, ids=(MARKER,), expected=(404,)),
]

# Routes without a parameter, and why.
NO_PARAMETER = {
    "GET /": "reads nothing",
    "GET /health": "reads nothing",
    "GET /ready": "reads nothing",
    "POST /auth/logout": "ends the session of the token",
    "POST /auth/logout-all": "ends the sessions of the caller",
    "GET /api/me": "shows the caller",
    "GET /api/keys": "lists all keys of the caller",
    "GET /api/reports": "counts everything",
    "GET /api/admin/policies": "shows the policy table",
}

TWIN = [Request("GET", "/documents", 200, query={"q": MARKER, "sort": "title"})]
# What must be found there.
INJECTABLE = ["q", "sort"]

# Statements of the example that must have run with payloads, at least `LEAST` times. They are those of `q`, `title`, `body`, `name` and
# the id of a key; `title` and `body` are in the same ones.
REACHED = [
    "SELECT count(*) FROM documents",
    "INSERT INTO documents",
    "UPDATE documents SET title",
    "INSERT INTO users",
    "UPDATE users SET",
    "INSERT INTO palisade_api_keys",
    "DELETE FROM palisade_api_keys WHERE id",
]
LEAST = 50


def check(policies):
    """The mistakes in the lists above, by the policy table: each route is attacked, or has no parameter."""
    mistakes = []
    listed = {f"{request.method} {request.route}": request for request in EXAMPLE}
    routes = {f"{method} {row['path']}": row for row in policies["routes"] for method in row["methods"]}
    for name, row in routes.items():
        request, reason = listed.pop(name, None), NO_PARAMETER.get(name)
        inputs = row["validation"] != "none"
        if request is None and reason is None:
            mistakes.append(f"{name} is neither attacked nor listed as a route without a parameter")
        elif request and reason:
            mistakes.append(f"{name} is attacked, and listed as a route without a parameter")
        elif reason and (inputs or "{" in row["path"]):
            mistakes.append(f"{name} is listed as a route without a parameter, and has one")
        elif request and inputs != bool(request.query or request.body):
            mistakes.append(f"{name} has a query or a body, or the request here has one: only one of both")
    mistakes += [f"{name} is listed, and there is no such route" for name in [*listed, *(NO_PARAMETER.keys() - routes)]]
    return mistakes
