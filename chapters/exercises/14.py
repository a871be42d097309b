# %% [markdown]
# # Exercises of chapter 14
#
# Write the functions, then `minigan chapters check 14`. Exercise 3 is not checked by machine.

# %% [markdown]
# **1. Derive.** Fitted by the mean of the squares of the pixels' errors, a generator without any pairing makes the
# mean image. Which picture does it make if it is fitted by the mean of their absolute values? And by the mean of
# $e^{u/2} - u/2$, where $u$ is its pixel less that of the image? (The mean is over the images, for each pixel.)


# %%
def best_pictures(images):
    """The best picture under squares, under absolute values, and under $e^{u/2} - u/2$; images (N, H, W, 1), N odd."""
    raise NotImplementedError


# %% [markdown]
# **2. Fill in.** Batch norm in training mode, by the formula of the chapter, for maps of features (N, H, W, C). The
# variance of the batch divides by the number $n$ of values of a channel, the one that enters the running average by
# $n - 1$. Each running average moves the part `momentum` of its way towards the batch.


# %%
def batch_norm(x, weight, bias, running_mean, running_variance, momentum=0.1, eps=1e-5):
    """x standardised, scaled and shifted, and the new running mean and variance; all but x are (C,)."""
    raise NotImplementedError


# %% [markdown]
# **3. Predict, then run.** Give a new `tutorial` generator, in training mode, a batch of 64 times the same noise; then
# the same with another noise. What are the two pictures? In evaluation mode? And with `dcgan` instead?
#
# **4. Find the bug.** A reader averages the weights of the generator with `beta=0.999`, and finds that the samples of
# the average look just like those of the last step.


# %%
def averaged(path, beta):
    """The average after the last step: path (T, k) has the weights after each step, the average starts at path[0]."""
    average = path[0].copy()
    for weights in path[1:]:
        average += beta * (weights - average)
    return average
