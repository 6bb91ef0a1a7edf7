--- Complete what was claimed: keep its result or its failure, or forget it; those who wait are told.
--
-- Invariant: only the claim in force, or the last one while nobody took it over, is completed, and once. A repetition by a caller that
-- heard no answer finds no claim of its own and is told 0: it then reads the result (claim.lua). The message goes out before the write,
-- which cannot be refused any more; one that is not delivered costs a waiter the rest of the claim's lease.
-- @batch 32
-- @full runs         what was done must be kept, or it is done again
-- @include guard/claiming
-- @shared window     milliseconds that it is kept; 0 to forget it
-- @item key key      string: the claim
-- @item arg live     pub/sub channel of those who wait; of the same slot
-- @item arg token    of the claim
-- @item arg kind     "d" with a result, "f" with a failure, "n" to let somebody else try
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
