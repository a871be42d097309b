"""What functions of CuPy have in common that their signatures do not say."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


HOST_PARAMETERS = _names(
    """
    M N axes axis axis1 axis2 ddof decimals destination indices_or_sections k keepdims newshape num
    offset order pad_width repeats reps shape shift size source start step stop strides window_shape
    """
)
"""Parameters that must be known on the host: a device array there would have to be read."""

ARRAY_PARAMETERS = _names("a args arr array ary m self v x")
"""First parameters that take an array and nothing that would have to become one."""

DATA_DEPENDENT = _names(
    """
    argwhere bincount compress extract flatnonzero histogram histogram2d histogramdd intersect1d isin
    nanpercentile nanquantile nonzero percentile quantile setdiff1d setxor1d trim_zeros union1d unique
    unique_all unique_counts unique_inverse unique_values
    """
)
"""Functions that read values back, mostly because the size of their result depends on them."""

ANSWERS = _names("allclose array_equal array_equiv")
"""Functions that answer with a Python bool in NumPy and with an array in CuPy."""

VIEWS = _names(
    """
    array_split as_strided asanyarray asarray ascontiguousarray asfortranarray astype atleast_1d
    atleast_2d atleast_3d broadcast_arrays broadcast_shapes broadcast_to can_cast common_type diagonal
    dsplit expand_dims flip fliplr flipud hsplit imag iscomplexobj isrealobj isscalar matrix_transpose
    moveaxis ndim permute_dims ravel real reshape result_type rollaxis rot90 shape size
    sliding_window_view split squeeze swapaxes transpose view vsplit
    """
)
"""Functions that compute nothing as long as their result shares memory with the first argument."""

ALLOCATIONS = _names("empty empty_like")
"""Functions that only reserve memory."""
