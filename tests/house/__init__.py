"""The project checks itself: its layout, its documentation."""
