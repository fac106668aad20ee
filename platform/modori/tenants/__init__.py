"""The agency, its clients, their sites and keys; users, memberships, log-in sessions, audit."""
