"""What differs between NumPy and CuPy: array types, their modules, devices, dtypes. Imported by core, ops and graph only."""
