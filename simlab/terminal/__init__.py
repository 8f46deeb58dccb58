"""What the command lines share: options, outcomes as exit statuses, progress, signals, files, and words for numbers.

``options`` reads arguments, ``numerals`` the numbers in them; ``outcomes`` turns whatever is raised into a sentence
and a status; ``output`` prints for a reader who may go away; ``progress`` says how far long work is;
``interruption`` ends it on a signal; ``files`` writes whole files; ``wording`` writes numbers. Importing the package
loads none of them.
"""
