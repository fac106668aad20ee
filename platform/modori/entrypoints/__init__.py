"""Settings, wiring, web, worker, scheduler, cli: the only room that knows everyone."""
