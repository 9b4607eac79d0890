"""What is said to the assistant."""

from pydantic import Field

from chat_api.chat import repeats
from chat_api.chat.turns import Saying
from chat_api.fields import Content, Identifier
from chat_api.users import RecallPolicy
from chat_api.web.requests.request import Body


class ChatIn(Body):
    """Something said to the assistant."""

    user_id: Identifier = Field(description="Who says it.")
    message: Content = Field(description="What is said.")
    conversation_id: Identifier | None = Field(default=None, description="A new conversation if left out.")
    recall: RecallPolicy | None = Field(
        default=None,
        description="Whether the reply may draw on memories. `auto`: where the message asks for something that was"
        " said before; the profile is always known. `never`: on nothing, not even the profile. As the user set it,"
        " if left out.",
    )
    system: Content | None = Field(
        default=None,
        description="Who the assistant is and how it answers, in place of the setting, and of the user's persona.",
    )
    stream: bool = Field(default=False, description="The reply as it comes, as server-sent events.")

    def saying(self, idempotency_key: str | None) -> Saying:
        """What is said, as a turn of chat takes it. Raises Invalid."""
        named = repeats.names(idempotency_key, self.model_dump(exclude={"stream"}))
        return Saying(self.user_id, self.message, self.conversation_id, self.recall, self.system, named)
