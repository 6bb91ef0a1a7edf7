import { expectTypeOf, test } from 'vitest'

import { connect } from '@penknife/client'

test("events have the types of the server's map, after their round trip through JSON", () => {
  const live = connect<{ message: { text: string; at: Date }; typing: string }>('/live')
  live.subscribe<{ total: number }>('room', {
    onEvent(event) {
      if (event.type === 'message') expectTypeOf(event.data).toEqualTypeOf<{ text: string; at: string }>()
      else expectTypeOf(event.data).toEqualTypeOf<string>()
    },
    onState: (state) => expectTypeOf(state).toEqualTypeOf<{ total: number }>(),
  })
})
