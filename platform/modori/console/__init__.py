"""HTML edge: view functions for operator_ui."""
