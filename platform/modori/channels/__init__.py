"""The world behind ports: templates, tracked links, and an adapter slice per channel."""
