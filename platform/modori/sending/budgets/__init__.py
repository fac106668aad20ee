"""What may still be sent, and spent: contact caps over all clients, and each client's month."""
