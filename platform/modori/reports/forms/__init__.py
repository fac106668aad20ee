"""The forms of a site: who uses them, which inputs they have, where people leave."""
