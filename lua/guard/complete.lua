--- Complete a claim: store its result or its failure, or delete it; and notify waiting callers.
--
-- Invariant: only the claim in force, or the last one while nobody took it over, is completed, and once. A caller that got no answer and
-- repeats the call finds no claim of its own and gets 0: it then reads the result (claim.lua). The message is published before the write,
-- which cannot be refused any more. When it is not delivered, a waiting caller asks at the end of the claim's lease.
-- @batch 32
-- @full runs         the result must be stored, or the body runs again
-- @include guard/claiming
-- @shared window     milliseconds for which it is stored; 0 to delete it
-- @item key key      string: the claim
-- @item arg live     pub/sub channel of waiting callers; of the same slot
-- @item arg token    of the claim
-- @item arg kind     "d" with a result, "f" with a failure, "n" to let another caller try
-- @item arg result   JSON, or the failure's message
-- @returns integer   1 when it was completed, 0 when the claim was taken over or completed before

local function item(key, live, token, kind, result)
  local claim = claiming.prepare_end(key, token)
  if not claim then
    return 0
  end
  if claim.err then
    return claim
  end
  if claim.waits then
    redis.pcall('SPUBLISH', live, kind .. result)
  end
  claiming.apply_end(key, kind, result, kind == 'n' and '0' or window)
  return 1
end
