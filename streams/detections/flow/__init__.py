"""Flow: does each object arrive, whole and in time?"""
