/// How many cancellation points have been met by threads that may not be cancelled: see the source.
int cancellation_points_met(void);
