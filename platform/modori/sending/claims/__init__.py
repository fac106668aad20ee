"""What is due: claimed for a worker, fairly over the clients, and given back where nobody worked on it."""
