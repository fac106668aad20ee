"""What consumers open: tracked links, restore, unsubscribe and preference pages."""
