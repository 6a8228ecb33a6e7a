"""Which provider and which model answer a call, and what comes next where they do not.

    rules           what the configuration says: strategy, named models, regions
    targets         a provider with a model, and what a caller wishes
    candidates      wish -> the targets that may take the call, and why others may not
    strategies      candidates of one priority -> the order to try them in
    conversations   a conversation keeps to the target that has its beginning in a cache
    passing_on      which errors another target may mend
    health          who may be asked now: a seam for breakers and the like
    router          all of it together: plan a call, make it, tell how it went

The candidates of a wish depend on the configuration alone, so they are worked out once for each
wish; what a call costs beyond that is its order. Nothing here does I/O of its own: providers say
offline what they serve, where, and at which price.
"""
