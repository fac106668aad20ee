"""The demo's outer world: a shop, receivers that speak Twilio and SMTP, and real engines to run it all on."""
