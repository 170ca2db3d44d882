"""Label volumes: masks of TIFF, OME-Zarr, HDF5 and NRRD, read as points on the surfaces of their objects."""
