"""What the articles print: the figures with which programs, curves, RESULTS.md and tests compare ours.

Where the article prints a curve, a dict from the step or the epoch to the value.
"""

# Article 2, mnist_fc.py: validation accuracy by step, and test accuracy at the end.
FC_ACCURACY = {0: 0.103, 1000: 0.9044, 2000: 0.9174, 3000: 0.9258, 4000: 0.93, 5000: 0.9346, 6000: 0.94,
               7000: 0.9422, 8000: 0.9472, 9000: 0.9498}
FC_TEST = 0.9475

# Article 3, mnist_train.py and mnist_eval.py: loss and validation accuracy by step, and the text's accuracy.
TRAIN_LOSS = {1: 3.46893, 1001: 0.172291, 2001: 0.197483, 3001: 0.153582, 4001: 0.117219, 5001: 0.121872,
              6001: 0.0976607}
EVAL_ACCURACY = {1: 0.0616, 1001: 0.9764, 2001: 0.9834, 3001: 0.9852, 4001: 0.9854, 5001: 0.986, 6001: 0.9854}
TRICKS_ACCURACY = 0.984

# Article 4, LeNet-5: loss by step, and the text's accuracy.
LENET_LOSS = {1: 6.45373, 1001: 0.824825, 2001: 0.646993, 3001: 0.759975, 4001: 0.68468, 5001: 0.630368}
LENET_ACCURACY = 0.994

# Article 5, ptb_word_lm.py: perplexity by step at the beginning of epoch 1 and at the end of epoch 2, then of
# the validation and the test data; and what ptb_raw_data reads.
PTB_FIRST = {0: 10003.783, 100: 1404.742, 200: 1061.458, 300: 891.044, 400: 782.037}
PTB_LAST = {1100: 228.711, 1200: 226.093, 1300: 223.214}
PTB_VALIDATION, PTB_TEST = 183.443, 179.420
PTB_WORDS = 929589

# Article 6: test accuracy of tf.contrib.learn, and by epoch of TFLearn and Keras.
LEARN_ACCURACY = 0.9901
TFLEARN_ACCURACY = {1: 0.9267}
KERAS_ACCURACY = {1: 0.9046, 2: 0.9433}

# Article 7, multi_gpu_mnist.py: loss by step.
TOWERS_LOSS = {10: 71.90, 20: 37.97, 30: 9.54, 40: 11.84, 980: 0.66, 990: 1.56}
