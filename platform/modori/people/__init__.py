"""Who somebody is and how they may be reached: person, contact points, consent, stops, erasure."""
