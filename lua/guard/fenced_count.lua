--- Change counters, or reserve changes, with a fence token: refused when a later holder wrote.
--
-- Invariant: as count.lua, count_once.lua and reserve.lua; and no write with a token follows one with a higher token. A refused call
-- leaves the stored token as it is.
-- @batch 64
-- @full refused      it may add counters
-- @include guard/counting
-- @include guard/counters
-- @include guard/fencing
-- @include guard/reserving
-- @shared keys keys  as count.lua
-- @shared plan       as count.lua
-- @shared window     as count_once.lua
-- @item key fence    string: the highest token
-- @item key once     string: the first answer; the key of the fence when the call has no id
-- @item arg token    of the caller's lease
-- @item arg changes  as count.lua
-- @item arg id       of the reservation; empty for a change
-- @item arg lasts    milliseconds until the reservation expires
-- @returns integer|string as count.lua, count_once.lua or reserve.lua; "f" and the highest token

local of = counters.open(keys, plan)

local function made(fence, once, changes, id, lasts)
  if id ~= '' then
    return reserving.reserve(of, changes, id, tonumber(lasts))
  end
  if once ~= fence then
    return counting.count_once(of, once, changes, window)
  end
  return counting.count(of, changes)
end

local function item(fence, once, token, changes, id, lasts)
  token = tonumber(token)
  local refused = fencing.prepare(fence, token)
  if refused then
    return refused
  end
  local answer = made(fence, once, changes, id, lasts)
  if type(answer) == 'string' and string.sub(answer, 1, 1) == '+' then
    fencing.apply(fence, token)
  end
  return answer
end
