"""E-mail: the MIME message, its DKIM signature, and SMTP."""
