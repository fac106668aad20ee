"""Kill switches of one channel: of one client, or of every client. The gate reads them at each judgement."""
