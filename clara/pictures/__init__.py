"""Pictures and pages that need nothing else: no script, no font, no network."""
