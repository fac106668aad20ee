"""Log-in, sessions, and the links that set passwords."""
