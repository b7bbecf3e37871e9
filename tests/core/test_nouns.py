from vaeline.core.nouns import IMAGE, ROW


def test_words_of_a_noun_stand_among_other_values_of_a_text():
    text = "{share:.0%} of the {examples}, error per {value} of an {example}"
    assert IMAGE.put_into(text, share=0.5) == "50% of the images, error per pixel of an image"
    assert ROW.put_into("the {examples}") == "the rows"
