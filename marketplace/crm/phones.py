"""Numbers of people, in the one form that tells whether two are the same.

Source: ITU-T E.164; metadata of libphonenumber.
"""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from marketplace.errors import InputRejected

LONGEST = 40


def normal_phone(said: str, country: str) -> str:
    """The number in E.164: "0712 345678" in Kenya is "+254712345678".

    Raises
    ------
    InputRejected
        If nobody can have that number; the message does not repeat it.
    """
    try:
        number = phonenumbers.parse(said[:LONGEST], country)
    except NumberParseException as error:
        raise InputRejected(f"phone: not a number, read as one of {country}") from error
    if len(said) > LONGEST or not phonenumbers.is_possible_number(number) or not phonenumbers.is_valid_number(number):
        raise InputRejected(f"phone: nobody has such a number, read as one of {country}")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
