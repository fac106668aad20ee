"""As much of Twilio's REST API and behaviour as the unmodified twilio library can ask for here.

source: twilio-python 9.13's own paths and fields; Twilio's pages on status callbacks and TwiML
"""
